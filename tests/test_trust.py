import pytest

from atrous.trust import require_trusted


@pytest.mark.parametrize(
    "target",
    [
        "os.system",
        "builtins.eval",
        "atrous.cli.os.system",
        "atrous.data.dataset.torch.load",
        "atrous.models.smp.Path",
        "atrous.commands.train.train",
        "segmentation_models_pytorch.encoders.load_file",
        "albumentations.nowhere",
        "albumentations.load",
        "torch.optim.SGD.mro",
        "lightning.pytorch.strategies.SingleDeviceStrategy",
        "lightning.pytorch.strategies.SingleDeviceStrategy.load_checkpoint",
        "lightning.pytorch.strategies.SingleDeviceStrategy.remove_checkpoint",
        "atrous.data.layouts.synthetic._write_png",
    ],
)
def test_a_config_from_a_checkpoint_builds_only_what_is_listed(target):
    config = {"model": {"net": {"deep": [{"_target_": target}]}}}
    with pytest.raises(ValueError, match="none of the parts that a checkpoint may build"):
        require_trusted(config)


def test_a_config_from_a_checkpoint_may_name_our_parts_and_those_the_user_allows():
    for target in (
        "torch.optim.SGD",
        "atrous.losses.Dice",
        "segmentation_models_pytorch.Unet",
        "albumentations.Compose",
    ):
        require_trusted({"part": {"_target_": target}})
    own = {"part": {"_target_": "fractions.Fraction"}}
    with pytest.raises(ValueError, match=r"allow=\[fractions\]"):
        require_trusted(own)
    require_trusted(own, ["fractions"])


def test_a_training_may_build_more_than_an_evaluation():
    config = {"trainer": {"_target_": "lightning.pytorch.trainer.Trainer"}}
    require_trusted(config, training=True)
    with pytest.raises(ValueError, match="none of the parts"):
        require_trusted(config)
    method = {"trainer": {"_target_": "lightning.pytorch.strategies.SingleDeviceStrategy.remove_checkpoint"}}
    with pytest.raises(ValueError, match="none of the parts"):
        require_trusted(method, training=True)
