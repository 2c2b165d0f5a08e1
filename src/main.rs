//! The program. Everything is in the library.

use std::process::ExitCode;

// Batches allocate and free much on many threads; the system's allocator keeps what they freed.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    tallymark::cli::main()
}
