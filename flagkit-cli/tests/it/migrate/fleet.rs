//! Instances that serve their status.
