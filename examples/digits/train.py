"""Train a classifier of handwritten digits and log it with DVCLive.

    $ edit params.yaml
    $ python train.py && git commit -a && dvc push

The weights are written as JSON: what serves them needs neither scikit-learn nor a pickle.
"""

import json
import warnings
from pathlib import Path
from typing import Any

import yaml
from dvclive import Live
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import accuracy_score, f1_score, log_loss
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

MODEL = Path("models/digits.json")
BRIGHTEST = 16  # a pixel of this data set is a count from 0 to 16


def main() -> None:
    params = yaml.safe_load(Path("params.yaml").read_text())
    images, digits = load_digits(return_X_y=True)
    split = train_test_split(
        images / BRIGHTEST, digits, test_size=0.25, random_state=params["seed"], stratify=digits
    )
    # The commit is made by hand, so DVCLive need not save an experiment of its own.
    with Live(save_dvc_exp=False) as live:
        live.log_params(params)
        network = fit(params, *split, live=live)
        save(network)
        live.log_artifact(
            MODEL,
            type="model",
            name="digits",
            desc="Reads a handwritten digit from an image of 8 by 8 pixels.",
            labels=["cv", "digits", "scikit-learn"],
        )


def fit(
    params: dict[str, Any], images: Any, tests: Any, digits: Any, answers: Any, *, live: Live
) -> MLPClassifier:
    """Train for the given number of epochs and log what each of them reaches."""
    network = MLPClassifier(
        hidden_layer_sizes=params["hidden"],
        learning_rate_init=params["learning_rate"],
        alpha=params["l2"],
        random_state=params["seed"],
        batch_size=32,
    )
    warnings.simplefilter("ignore", ConvergenceWarning)
    for _ in range(params["epochs"]):
        network.partial_fit(images, digits, classes=range(10))
        guesses = network.predict(tests)
        reached = {
            "train/loss": network.loss_,
            "accuracy": accuracy_score(answers, guesses),
            "f1": f1_score(answers, guesses, average="macro"),
            "log_loss": log_loss(answers, network.predict_proba(tests)),
        }
        for name, value in reached.items():
            live.log_metric(name, round(float(value), 4))
        live.next_step()
    return network


def save(network: MLPClassifier) -> None:
    """Write the layers: `weights` has a row for each input, `bias` a number for each output."""
    layers = [
        {"weights": weights.round(5).tolist(), "bias": bias.round(5).tolist()}
        for weights, bias in zip(network.coefs_, network.intercepts_, strict=True)
    ]
    MODEL.parent.mkdir(exist_ok=True)
    MODEL.write_text(json.dumps({"brightest": BRIGHTEST, "layers": layers}))


if __name__ == "__main__":
    main()
