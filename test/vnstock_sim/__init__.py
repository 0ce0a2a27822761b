"""A stand-in for the market data services that vnstock_stream polls.

`../vnstock-sim --help` is the user's view.  The modules, lowest first:

    exchange_rules   tick sizes, daily limits, ISIN: what the exchanges prescribe
    fixtures         the captured answers in ../fixtures
    clock            the market's time in every spelling the services use
    listing          which securities exist, and the index groups
    share            one security and how its day moves
    vci_rows         a share as the VCI price board shows it
    kbs_rows         a share as the KBS price board shows it
    pins             values that a test has set over a share's own
    charts           bars and tapes of both services
    market           all shares behind one lock
    answers          an HTTP answer before it is sent
    replay           the captured answers, byte for byte
    endpoints        paths of the services to answers
    faults           which requests shall go wrong, and how
    delivery         puts answers, sound or broken, on the wire
    traffic          what has been asked so far
    control          /_sim/: what a test may ask and change
    server           sockets and threads
    help_text        what --help says
    command_line     options, signals
"""
