//! Only a home for `tests/`.
