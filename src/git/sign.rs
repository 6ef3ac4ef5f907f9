//! Signatures of commits, made by the programs that verify them: `ssh-keygen` and `gpg`.

/// Signs commits.
#[derive(Debug)]
pub struct Signer {
    _private: (),
}
