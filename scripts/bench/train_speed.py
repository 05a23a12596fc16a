#!/usr/bin/env python3
"""Training steps of linscan beside transformers + torch: the same weights, batches and optimiser, side by side in one run.

    .venv/bin/python scripts/bench/train_speed.py [--shape small] [--device cpu] [--threads 2] [--repeats 3]

Both sides take the same steps in turns, each in a process of its own; a figure is the median of the step times without the first
two. The other side is eager PyTorch: AutoModelForCausalLM (sdpa attention), torch.optim.AdamW(fused=True), clip_grad_norm_, for bf16
torch.autocast over fp32 weights. Ratios above 1: linscan is faster. Memory is the peak of the process (on a GPU: of its allocator, ours
from nvidia-smi's figure of the process where there is one).
"""
import argparse
import json
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
SHAPES = {  # hidden, mlp, blocks, heads, kv heads, vocabulary, windows, context
    "demo": (128, 320, 6, 4, 2, 1024, 8, 256),
    "small": (384, 1024, 6, 6, 2, 8192, 4, 512),
    "mistral-150m": (768, 2560, 14, 12, 4, 32000, 16, 1024),
}


def write_model(folder, shape):
    import torch
    from transformers import MistralConfig, MistralForCausalLM
    hidden, mlp, blocks, heads, kv, vocabulary, _, context = SHAPES[shape]
    torch.manual_seed(0)
    MistralForCausalLM(MistralConfig(
        vocab_size=vocabulary, hidden_size=hidden, intermediate_size=mlp, num_hidden_layers=blocks, num_attention_heads=heads,
        num_key_value_heads=kv, max_position_embeddings=context, sliding_window=None, tie_word_embeddings=False)).save_pretrained(folder)


def regularizer(states):
    import torch
    return 0.5 * sum((1 - torch.nn.functional.cosine_similarity(b, a, dim=-1)).mean() for a, b in zip(states, states[1:]))


def torch_side(args):
    """Prints one line of JSON: seconds of each step, peak memory, last loss."""
    import numpy as np
    import torch
    from transformers import AutoModelForCausalLM
    torch.set_num_threads(args.threads)
    model = AutoModelForCausalLM.from_pretrained(args.model, dtype=torch.float32, attn_implementation="sdpa").to(args.device)
    decayed = [p for n, p in model.named_parameters() if p.dim() >= 2]
    rest = [p for n, p in model.named_parameters() if p.dim() < 2]
    optimizer = torch.optim.AdamW([{"params": decayed, "weight_decay": 0.1}, {"params": rest, "weight_decay": 0.0}],
                                  lr=1e-4, betas=(0.9, 0.95), fused=True)
    windows, context = SHAPES[args.shape][6:]
    ids = torch.from_numpy(np.fromfile(args.ids, dtype="<i4").astype("int64")).view(-1, context + 1).to(args.device)
    seconds = []
    for step in range(args.steps):
        start = time.perf_counter()
        batch = ids[step * windows:(step + 1) * windows]
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(args.device, dtype=torch.bfloat16, enabled=args.dtype == "bf16"):
            output = model(input_ids=batch[:, :-1], use_cache=False, output_hidden_states=args.reg == "cosine")
        loss = torch.nn.functional.cross_entropy(output.logits.float().flatten(0, 1), batch[:, 1:].flatten())
        if args.reg == "cosine":
            loss = loss + regularizer([s.float() for s in output.hidden_states])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        value = loss.item()
        seconds.append(time.perf_counter() - start)
    peak = torch.cuda.max_memory_allocated() if args.device == "cuda" else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"seconds": seconds, "peak": peak, "loss": value}))


def run_torch(args, model, ids, dtype, reg):
    out = subprocess.run([sys.executable, __file__, "--torch-side", "--model", model, "--ids", ids, "--shape", args.shape, "--device",
                          args.device, "--dtype", dtype, "--reg", reg, "--threads", str(args.threads), "--steps", str(args.steps)],
                         capture_output=True, text=True, check=True).stdout
    return json.loads(out.splitlines()[-1])


def run_ours(args, model, ids, dtype, reg):
    windows, context = SHAPES[args.shape][6:]
    program = pathlib.Path(args.build) / "tests" / "train_steps"
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    out = subprocess.run([str(program), model, ids, "-", f"ctx={context}", f"batch={windows}", f"steps={args.steps}", f"dtype={dtype}",
                          f"reg={reg}", f"device={args.device}", f"threads={args.threads}", "lr=1e-4", "post_norm=1"],
                         capture_output=True, text=True, check=True).stdout
    lines = [json.loads(line) for line in out.splitlines()]
    return {"seconds": [line["seconds"] for line in lines if "seconds" in line], "peak": lines[-1].get("peak_memory_bytes", before),
            "loss": lines[-2]["cross_entropy"] + lines[-2].get("regularizer", 0.0)}


def step_time(runs):
    return statistics.median(s for run in runs for s in run["seconds"][2:])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=SHAPES, default="small")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--build", default=str(ROOT / "build"))
    parser.add_argument("--dtypes", default="fp32,bf16")
    parser.add_argument("--torch-side", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--model", help=argparse.SUPPRESS)
    parser.add_argument("--ids", help=argparse.SUPPRESS)
    parser.add_argument("--dtype", help=argparse.SUPPRESS)
    parser.add_argument("--reg", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.torch_side:
        return torch_side(args)

    import numpy as np
    hidden, mlp, blocks, heads, kv, vocabulary, windows, context = SHAPES[args.shape]
    tokens = windows * context
    numbers = 2 * vocabulary * hidden + blocks * (hidden * (2 * hidden + 2 * kv * (hidden // heads)) + 3 * hidden * mlp)
    flops = tokens * (6 * (numbers - vocabulary * hidden) + 6 * blocks * hidden * context)  # attention: causal, half of the square
    with tempfile.TemporaryDirectory() as folder:
        write_model(folder, args.shape)
        ids = pathlib.Path(folder) / "ids.i32"
        np.random.default_rng(0).integers(0, vocabulary, (args.steps * windows, context + 1)).astype("<i4").tofile(ids)
        print(f"{args.shape}: {numbers / 1e6:.1f} M parameters, {tokens} tokens a step, {args.device}, {args.threads} threads\n")
        print("| dtype | regularizer | torch tokens/s | linscan tokens/s | ratio | torch peak MB | linscan peak MB | linscan TFLOP/s | loss differs by |")
        print("|---|---|---:|---:|---:|---:|---:|---:|---:|")
        for dtype in args.dtypes.split(","):
            for reg in ("none", "cosine"):
                theirs, ours = [], []
                for _ in range(args.repeats):
                    theirs.append(run_torch(args, folder, str(ids), dtype, reg))
                    ours.append(run_ours(args, folder, str(ids), dtype, reg))
                a, b = step_time(theirs), step_time(ours)
                print(f"| {dtype} | {reg} | {tokens / a:,.0f} | {tokens / b:,.0f} | {a / b:.2f} | {max(r['peak'] for r in theirs) / 1e6:,.0f} "
                      f"| {max(r['peak'] for r in ours) / 1e6:,.0f} | {flops / b / 1e12:.3f} | {abs(ours[0]['loss'] - theirs[0]['loss']):.1e} |", flush=True)


if __name__ == "__main__":
    main()
