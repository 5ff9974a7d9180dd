//! From findings to notices: which alerts are open, since when, and who must be told what.
//!
//! Pure: the alert book and the time go in, the next book and the notices come out.

pub mod notice;
