// Keys pages.
