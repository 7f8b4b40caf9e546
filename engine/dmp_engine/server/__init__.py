"""The engine as a server: plates in over a local socket, layers back.

    lifecycle.py   one engine per user: lock, sockets, run file, idle time-out, the end
    app.py         the routes; auth.py who may call them; openapi.py their description; page.py
                   the read-only status page; errors.py the status code of each failure
    dispatcher.py  jobs from upload to layers; schedule.py who is next; presence.py who waits
    pool.py        one worker process per device (processes/worker.py)
    job_store.py   job folders on disk; result_cache.py finished results; file_digest.py a plate's
                   key in it

Nothing in here imports torch: the server must start at once, hold no GPU
memory, and keep running when a worker dies.
"""
