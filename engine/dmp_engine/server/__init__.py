"""The engine as a server: plates in over a local socket, layers back.

    lifecycle.py   one engine per user: lock, sockets, run file, idle time-out, the end
    app.py         the routes; auth.py who may call them; openapi.py their description; page.py
                   the read-only status page
    dispatcher.py  jobs from upload to layers; schedule.py who is next; attendance.py who waits
    pool.py        one worker process per device (../worker.py)
    store.py       job folders on disk; cache.py finished results; digest.py what a plate's key is

Nothing in here imports torch: the server must start at once, hold no GPU
memory, and live on when a worker dies.
"""
