"""The live page: what the device sees, for whoever opens it in a browser.

A server in a thread of its own, which nobody who watches can hold up, and which holds up nobody.
`preview` is what the agent shows its frames to; `scene` keeps what the page shows; `server` is
Tornado's, with bounds; `pages` and `viewer` answer the requests.
"""
