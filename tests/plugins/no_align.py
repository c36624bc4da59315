class NoAlign:
    pass
