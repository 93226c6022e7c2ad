"""What catalogues and folders tell of Sentinel products, each in its own form, as one `ProductAnnounced`."""
