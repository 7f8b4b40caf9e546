"""Run by Nuke at every start, in the GUI and in the terminal. It must never stop Nuke."""

try:
    import dmp_nuke

    dmp_nuke.find_client()
except Exception as wrong:
    print(f"DMP is not available: {wrong}.")
