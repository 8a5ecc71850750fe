//! Reads allocate nothing. A counting global allocator shows it, which is why this is a binary of its own.

mod handles;
mod rules;
