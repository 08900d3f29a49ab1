//! The book's chapter: each command in it is run, and prints what stands there.
