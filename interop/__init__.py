"""What independent readers make of feedsvc's feeds, beside what was written.

    make interop

docs/notes/readers.md says what was learned, and how to add a reader.
"""
