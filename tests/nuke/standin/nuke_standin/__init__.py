"""A stand-in for Nuke: the part of its Python API that DMP's adapter uses, with real EXR pixels.

It refuses what Nuke refuses, and remembers every refusal, so that one which the
adapter swallows is still seen. It proves nothing about Nuke itself: its rules are
Foundry's documented ones, and docs/engineering/testing_nuke.md lists what it does not know.

    session   what a running Nuke holds: root, undo, callbacks, the main thread's queue
    guard     API calls on the main thread only
    tcl       words, lists and the few commands that expressions use
    pixels    images with windows, layers and metadata, from and to files
    knobs     knob classes
    tables    which knobs a node class has
    nodes     node classes and what they compute
    tasks     threads, progress bars, messages
    menus     menus and the plug-in path
    api       the functions of the module ``nuke``
    script    .nk text: save, load, copy, paste
    __main__  nuke -t, -x and the start-up files
"""
