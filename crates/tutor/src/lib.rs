//! The built-in tutor.
