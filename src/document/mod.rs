//! YAML documents read with every error at once, each with its place and path.

mod problem;
mod section;

pub use problem::{Problem, Problems};
pub use section::Section;
