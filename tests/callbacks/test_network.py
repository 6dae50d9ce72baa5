import pytest

from atrous.commands.train import train


def test_a_training_begins_with_its_network(composed, capsys):
    network = ("++callbacks.network={_target_: atrous.callbacks.network.NetworkTable, size: [64, 64]}",)
    train(composed("train", "model=unet_paper", "model.net.width=1", *network, "trainer.max_steps=1"))
    said = capsys.readouterr().out
    assert "GMAC a 64x64 crop" in said
    rows = [line.split() for line in said.splitlines()]
    (whole,) = [row for row in rows if row and row[0] == "network"]
    others = [row for row in rows[: rows.index(whole)] if len(row) == 4]
    for column in (1, 2):
        assert sum(int(row[column].replace(",", "")) for row in others) == int(whole[column].replace(",", ""))
    assert sum(float(row[3]) for row in others) == pytest.approx(float(whole[3]), rel=0.02)
    assert float(whole[3]) > 0
    assert "optimizer" in said
