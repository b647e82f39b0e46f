"""The waiting list: who wants an earlier visit, in which order they are asked, and offers of slots that were freed."""
