"""What may be asked of a machine: operations with inverses, and all-or-nothing sequences of them."""
