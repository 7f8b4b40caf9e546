"""How fast this machine is: `dmp bench`. Nothing imports it but the command line.

traffic.py  bytes that one step has to move, and how fast this device moves bytes
measure.py  a step, the authors' step beside it, whole mattes
command.py  options in, JSON out
"""
