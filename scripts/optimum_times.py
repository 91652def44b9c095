"""`python optimum_times.py MODEL THREADS PROMPT_TOKENS NEW_TOKENS ITERATIONS`: times of optimum-benchmark, in ms, as one line of JSON."""

import json
import logging
import sys

import torch
from optimum_benchmark import Benchmark, BenchmarkConfig, InferenceConfig, InlineConfig, PyTorchConfig

logging.disable(logging.INFO)
model = sys.argv[1]
threads, prompt_tokens, new_tokens, iterations = map(int, sys.argv[2:])
torch.set_num_threads(threads)
backend = PyTorchConfig(model=model, device="cpu", task="text-generation", library="transformers", torch_dtype="float32")
scenario = InferenceConfig(
    iterations=iterations,
    duration=0,
    warmup_runs=1,
    input_shapes={"batch_size": 1, "sequence_length": prompt_tokens},
    generate_kwargs={"max_new_tokens": new_tokens, "min_new_tokens": new_tokens},
)
report = Benchmark.launch(BenchmarkConfig(name="ruler", launcher=InlineConfig(), scenario=scenario, backend=backend))
prefill = [1000 * value for value in report.prefill.latency.values]
decode = [1000 * value / (new_tokens - 1) for value in report.decode.latency.values]
print(json.dumps({"prefill_ms": prefill, "decode_ms": decode}))
