//! CUDA without a GPU: a device of tests does the driver's calls on the CPU, with the kernels compiled by
//! g++.

// The device of tests is the lowest stratum; every block says what it rests on.
#![allow(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod chain;
mod compile;
mod fault;
mod host;
mod kernels;
mod measured;
#[cfg(feature = "nvmm")]
mod nvmm;
mod order;
mod parity;
#[cfg(feature = "gst")]
mod sharing;
