"""The real Terraform builds the whole stack on the emulator, and a camera uses it.

python -m tests.rehearsal       with progress; what `make rehearse` runs
pytest tests/rehearsal          the same steps and the security probes, as tests
"""
