#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::hold(module_path!(), bytes));
