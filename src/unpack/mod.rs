//! Bytes -> report texts, bounded. Pure: no I/O, no async, no clock.
