//! Properties of a whole population, against independent computations.

use super::*;
