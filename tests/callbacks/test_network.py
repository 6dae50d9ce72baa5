from atrous.commands.train import train


def test_a_training_begins_with_its_network(composed, capsys):
    network = ("callbacks.network._target_=atrous.callbacks.network.NetworkTable", "callbacks.network.size=[64,64]")
    train(composed("train", "model=unet_paper", "model.net.width=1", *network, "trainer.max_steps=1"))
    said = capsys.readouterr().out
    assert "GMAC a 64x64 crop" in said
    rows = [line.split() for line in said.splitlines()]
    (whole,) = [row for row in rows if row and row[0] == "network"]
    others = [row for row in rows[: rows.index(whole)] if len(row) == 4]
    for column in (1, 2, 3):
        total = sum(float(row[column]) for row in others)
        assert abs(total - float(whole[column])) < 0.001 * len(others)
    assert float(whole[3]) > 0
    assert "optimizer" in said
