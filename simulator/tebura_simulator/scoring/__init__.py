"""How right a method is about what happened in a recording.

`matching` says which claim is of which event, `receipts` compares what would be paid, `case` puts
both together for one recording, `totals` several, with intervals; `tebura` is Tebura itself as a
method, `recorded` scores files.
"""
