class KeywordSoup:
    def __init__(self, **options):
        self.options = options

    def align(self, score, audio):
        raise NotImplementedError
