"""The process in which EdgeVLM's Python runtime runs Hugging Face Transformers: JSON lines in, JSON lines out (protocol.py)."""
