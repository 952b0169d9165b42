//! How the program is linked: it sits in every pod, and its size is a budget.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    // A static program that is loaded at any address corrects two hundred thousand pointers at its start. Packed, their
    // list takes a fiftieth of its 1.6 MB; glibc reads such since 2.36, LLD and GNU ld write them.
    println!("cargo:rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    // What generics become is often the same for many types: 0.6 MB of it. Of the linkers that Rust uses on Linux LLD
    // finds that out, and that is its own choice on this architecture alone.
    if std::env::var("CARGO_CFG_TARGET_ARCH").is_ok_and(|arch| arch == "x86_64") {
        println!("cargo:rustc-link-arg-bins=-Wl,--icf=all");
    }
}
