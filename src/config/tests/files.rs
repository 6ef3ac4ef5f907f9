//! The examples in `config/`, as an operator would use them.

use super::*;

const EXAMPLES: &[(&str, &str)] = &[];
