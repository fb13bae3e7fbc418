//! What the machine does, standing by standing.
