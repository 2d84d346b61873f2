"""What a shop's own files say about promotions, tax, walk-ups: read whole, or refused by name."""

from pathlib import Path

import pytest
from tebura_contract.config import ConfigError
from tebura_contract.layout import TaxClass
from tebura_gateway.bootstrap import shop_of
from tebura_gateway.config import GatewayConfig, load_config
from tebura_gateway.domain.promotions import Coupon, Several

from tests.gateway.nodes import GatewayProcess

PROMOTIONS = """
[[promotion]]
kind = "n-for-m"
id = "three-teas"
name = "お茶3点で2点分"
name_en = "3 teas for 2"
skus = ["tea"]
take = 3
pay = 2
from_time = 18:00:00
to_time = 20:00:00

[[promotion]]
kind = "coupon"
id = "welcome"
name = "初回"
minus_minor = 100
"""


def written(folder: Path, top: str = "", tables: str = "") -> Path:
    """A gateway's folder with these lines before the first table and after the last."""
    gateway = GatewayProcess(folder, 1883, 8080)
    gateway.write()
    text = gateway.config.read_text(encoding="utf-8")
    gateway.config.write_text(top + text + tables, encoding="utf-8")
    return gateway.config


def refused(config: Path) -> str:
    with pytest.raises(ConfigError) as error:
        load_config(config)
    return str(error.value)


def test_promotions_are_read_from_the_file_that_is_named(tmp_path: Path) -> None:
    config = written(tmp_path / "gw", 'promotions = "promotions.toml"\n')
    (config.parent / "promotions.toml").write_text(PROMOTIONS, encoding="utf-8")
    found: GatewayConfig = load_config(config)
    three, welcome = found.promotions
    assert isinstance(three, Several)
    assert isinstance(welcome, Coupon)
    assert shop_of(found).promotions == (three, welcome)


def test_a_promotion_of_an_article_the_shop_lacks_is_named(tmp_path: Path) -> None:
    config = written(tmp_path / "gw", 'promotions = "promotions.toml"\n')
    text = PROMOTIONS.replace('"tea"', '"tea", "ghost"')
    (config.parent / "promotions.toml").write_text(text, encoding="utf-8")
    assert "promotion 'three-teas': no article 'ghost'" in refused(config)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("take = 3", "take = 3\ntakes = 4", "takes"),
        ("pay = 2", "pay = 3", "pay must be less than take"),
        ('kind = "coupon"', 'kind = "present"', "present"),
        ('id = "welcome"', 'id = "three-teas"', "named twice: three-teas"),
    ],
)
def test_a_promotion_that_makes_no_sense_stops_the_start(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    config = written(tmp_path / "gw", 'promotions = "promotions.toml"\n')
    (config.parent / "promotions.toml").write_text(PROMOTIONS.replace(old, new), encoding="utf-8")
    assert said in refused(config)


def test_a_shop_may_say_its_own_rates_of_tax(tmp_path: Path) -> None:
    config = written(
        tmp_path / "gw",
        tables="""
[tax]
is_included = false
[tax.rates]
reduced = { percent = 0 }
standard = { percent = "8.875" }
""",
    )
    rules = shop_of(load_config(config)).tax_rules
    assert not rules.is_included
    assert str(rules.rate(TaxClass.STANDARD, eats_in=False).percent) == "8.875"


def test_rates_of_tax_that_are_incomplete_stop_the_start(tmp_path: Path) -> None:
    config = written(tmp_path / "gw", tables="\n[tax.rates]\nreduced = { percent = 0 }\n")
    assert "no rate for standard" in refused(config)


def test_walk_ups_need_somebody_who_takes_their_money(tmp_path: Path) -> None:
    config = written(tmp_path / "gw", tables='\n[walk_up]\nexit_token_file = "exit.token"\n')
    said = refused(config)
    assert "walk_up.exit_token_file" in said
    assert "settlement.walk_up_provider" in said


def test_who_decides_about_refunds_is_configured(tmp_path: Path) -> None:
    config = written(
        tmp_path / "gw", tables="\n[after_sale]\nauto_refund_minor = 300\ntwo_people_minor = 5000\n"
    )
    rules = shop_of(load_config(config)).after_sale
    assert (rules.auto_refund_minor, rules.auto_refunds_a_month, rules.two_people_minor) == (
        300,
        3,
        5000,
    )


def online_shop(address: str) -> str:
    return (
        f'\n[online_shop]\nkind = "medusa"\naddress = "{address}"\nkey_file = "shop.key"\n'
        'region = "reg_1"\nsales_channel = "sc_1"\n'
    )


def test_an_online_shop_is_reached_by_tls_or_on_this_machine_with_a_key(tmp_path: Path) -> None:
    config = written(tmp_path / "gw", tables=online_shop("http://shop.example"))
    said = refused(config)
    assert "online_shop.address" in said
    assert "online_shop.key_file" in said
    (config.parent / "shop.key").write_text("\n")
    assert "holds no key" in refused(config)
    (config.parent / "shop.key").write_text("sk_1\n")
    assert "online_shop.key_file" not in refused(config)
    config = written(tmp_path / "gw2", tables=online_shop("http://127.0.0.1:9000"))
    (config.parent / "shop.key").write_text("sk_1\n")
    found = load_config(config)
    assert found.online_shop is not None
    assert found.online_shop.key == "sk_1"
    assert shop_of(found).has_online_shop


def test_who_has_not_said_what_they_pay_with_is_let_in_only_by_a_shop_that_says_so(
    tmp_path: Path,
) -> None:
    assert not shop_of(load_config(written(tmp_path / "gw"))).admits_without_means
    config = written(tmp_path / "gw2", tables="\n[settlement]\nadmits_without_means = true\n")
    assert shop_of(load_config(config)).admits_without_means
