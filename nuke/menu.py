"""Run by Nuke at every start of the GUI, after init.py. It must never stop Nuke."""

try:
    from dmp_nuke import menus

    menus.add()
except Exception as wrong:
    print(f"DMP has no menu: {wrong}.")
