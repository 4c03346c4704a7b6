"""A pipeline for the page: steps side by side, a condition, and what is done by its outcome."""

from __future__ import annotations

import json
from typing import Any

RESOURCES = {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}


def _get(reference: str) -> dict[str, str]:
    return {"Get": reference}


def definition(image: str, role: str, bucket: str) -> str:
    """Prepare → Train, Profile → Evaluate → good enough? → register and deploy, or fail."""

    def process(name: str, *after: str) -> dict[str, Any]:
        arguments = {
            "AppSpecification": {"ImageUri": image, "ContainerEntrypoint": ["echo", name]},
            "RoleArn": role,
            "ProcessingResources": {"ClusterConfig": RESOURCES},
        }
        return {"Name": name, "Type": "Processing", "Arguments": arguments,
                "DependsOn": list(after)}  # fmt: skip

    train = {
        "Name": "TrainModel",
        "Type": "Training",
        "DependsOn": ["PrepareData"],
        "Arguments": {
            "AlgorithmSpecification": {"TrainingImage": image, "TrainingInputMode": "File"},
            "HyperParameters": {
                "epochs": _get("Parameters.Epochs"), "pause": "0.3",
                "then": _get("Parameters.Then"),
            },
            "RoleArn": role,
            "OutputDataConfig": {"S3OutputPath": f"s3://{bucket}/pipeline"},
            "ResourceConfig": RESOURCES,
            "StoppingCondition": {"MaxRuntimeInSeconds": 600},
        },
    }  # fmt: skip
    container = {
        "Image": image,
        "ModelDataUrl": _get("Steps.TrainModel.ModelArtifacts.S3ModelArtifacts"),
    }
    model = {
        "Name": "CreateModel",
        "Type": "Model",
        "Arguments": {"ExecutionRoleArn": role, "PrimaryContainer": container},
    }
    register = {
        "Name": "RegisterModel",
        "Type": "RegisterModel",
        "Arguments": {
            "ModelPackageGroupName": "house-prices",
            "InferenceSpecification": {"Containers": [container]},
        },
    }
    refuse = {
        "Name": "TellThatItIsNotGoodEnough",
        "Type": "Fail",
        "Arguments": {"ErrorMessage": "its error is above the limit"},
    }
    comparison = {
        "Type": "LessThanOrEqualTo", "LeftValue": 3, "RightValue": _get("Parameters.Limit")
    }  # fmt: skip
    check = {
        "Name": "IsGoodEnough",
        "Type": "Condition",
        "DependsOn": ["EvaluateModel"],
        "Arguments": {
            "Conditions": [comparison], "IfSteps": [register, model], "ElseSteps": [refuse]
        },
    }  # fmt: skip
    return json.dumps({
        "Version": "2020-12-01",
        "Parameters": [
            {"Name": "Epochs", "Type": "String", "DefaultValue": "2"},
            {"Name": "Limit", "Type": "Float", "DefaultValue": 6.0},
            {"Name": "Then", "Type": "String", "DefaultValue": "end", "EnumValues": ["end", "fail"]}
        ],
        "Steps": [
            process("PrepareData"), train, process("ProfileData", "PrepareData"),
            process("EvaluateModel", "TrainModel", "PrepareData"), check,
        ],
    })  # fmt: skip
