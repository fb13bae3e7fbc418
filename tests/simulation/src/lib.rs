//! The model, the simulated world and the kill sweep.
