//! Signatures of commits, made by the programs that verify them: `ssh-keygen` and `gpg`.

/// Signs commits.
#[derive(Debug)]
pub struct Signer {
    _private: (),
}

impl Signer {
    /// The signature of these bytes, in the form that a commit carries.
    pub(super) fn sign(&self, payload: &[u8]) -> Result<String, super::Error> {
        let _ = payload;
        Err(super::Error::Local("commits cannot be signed yet".to_owned()))
    }
}
