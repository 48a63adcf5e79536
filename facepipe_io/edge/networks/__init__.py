"""Networks: how pictures become their input, and what runs them."""
