"""What benchmarks measure ours against: AWS's scikit-learn serving stack as an image."""
