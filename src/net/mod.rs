//! The one place that speaks HTTP outwards: client builder with roots, extra CA, proxy and caps.
