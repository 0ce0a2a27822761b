"""Exact answers: the values a test has set over a share's own."""

import json

from . import kbs_rows, vci_rows

# The VCI row repeats some values; a bare name sets every copy.
TWINS = {
    "ceiling": ("ceiling", "ceilingPrice"), "ceilingPrice": ("ceiling", "ceilingPrice"),
    "floor": ("floor", "floorPrice"), "floorPrice": ("floor", "floorPrice"),
    "refPrice": ("refPrice", "referencePrice"), "referencePrice": ("refPrice", "referencePrice"),
    "accumulatedVolume": ("accumulatedVolume", "accumulatedVolumeG1"),
    "accumulatedValue": ("accumulatedValue", "accumulatedValueG1"),
}

# A VCI name also sets its counterpart on the KBS board.
KBS_COUNTERPARTS = {
    "ceiling": "CL", "ceilingPrice": "CL", "floor": "FL", "floorPrice": "FL", "refPrice": "RE",
    "referencePrice": "RE", "matchPrice": "CP", "matchVol": "CV", "accumulatedVolume": "TT", "openPrice": "OP",
    "highest": "HI", "lowest": "LO", "foreignBuyVolume": "FB", "foreignSellVolume": "FS",
    "currentRoom": "FR", "totalRoom": "FO"}

# Where each service has the numbers that depend on each other.
TRUE_TO = {
    "vci": {"matchPrice": "matchPrice", "highest": "highest", "lowest": "lowest", "matchVol": "matchVol",
            "accumulatedVolume": "accumulatedVolume", "accumulatedValue": ("accumulatedValue", "accumulatedValueG1")},
    "kbs": {"matchPrice": "CP", "highest": "HI", "lowest": "LO", "matchVol": "CV",
            "accumulatedVolume": "TT", "accumulatedValue": ("TV",)}}

RESERVED = ("symbol", "raw", "omit", "clear")


class PinError(ValueError):
    """What the test asked for cannot be done; the text says why."""


class Pin:
    """Overrides of one share's rows.

    `fields` are JSON values; `raw` are texts put into the row as they are, so
    that a test can send what no JSON library would write (1e400, a repeated
    key); `omit` are fields left out.
    """

    def __init__(self, fields, raw, omit):
        self.fields = fields
        self.raw = raw
        self.omit = omit
        self.total_before = 0
        for name in list(fields) + list(raw) + list(omit):
            _places(name)
        for name, text in raw.items():
            if not isinstance(text, str):
                raise PinError(f"raw.{name} must be a string, the text to put into the row")

    def apply(self, service, row_bytes):
        row = json.loads(row_bytes)
        self.total_before = row["matchPrice"]["accumulatedVolume"] if service == "vci" else row["TT"]
        texts = {}
        for name, value in self.fields.items():
            self._set(service, row, name, value)
        for name, text in self.raw.items():
            mark = f"\x01{len(texts)}\x01"
            texts[json.dumps(mark)] = text
            self._set(service, row, name, mark)
        for name in self.omit:
            for place, group, field in _places(name):
                if place == service:
                    (row[group] if group else row).pop(field, None)
        self._keep_true(service, row)
        if service == "kbs" and not {"CH", "CHP", "kbs.CH", "kbs.CHP"} & (set(self.fields) | set(self.raw) | set(self.omit)):
            _recompute_kbs_change(row)
        result = vci_rows.to_json(row)
        for mark, text in texts.items():
            result = result.replace(mark, text)
        return result.encode("utf-8", "surrogatepass")

    def _keep_true(self, service, row):
        """What a pinned number drags along: the day's range, and totals that it is a part of.

        Only bare names do, and only what the test has not named itself stays true.
        """
        named = set(self.fields) | set(self.raw) | set(self.omit)
        fields = TRUE_TO[service]
        match = row["matchPrice"] if service == "vci" else row
        group = "matchPrice" if service == "vci" else "kbs"

        def moved(name):
            return name in self.fields and _is_number(match.get(fields[name])) and match[fields[name]] > 0

        def put(name, value):
            if name not in named:
                for twin in fields[name] if isinstance(fields[name], tuple) else (fields[name],):
                    if twin in match and f"{group}.{twin}" not in named:
                        match[twin] = value

        total, value = fields["accumulatedVolume"], fields["accumulatedValue"][0]
        if moved("matchPrice"):
            price = match[fields["matchPrice"]]
            for name, extreme in (("highest", max), ("lowest", min)):
                put(name, extreme(price, match[fields[name]]) if _is_number(match.get(fields[name]))
                    and match[fields[name]] > 0 else price)
        if not (_is_number(match.get(total)) and _is_number(match.get(value)) and match[total] >= 0):
            return
        average = match[value] / self.total_before if self.total_before else match.get(fields["matchPrice"]) or 0
        if moved("matchVol") and match[fields["matchVol"]] > match[total]:
            put("accumulatedVolume", match[fields["matchVol"]])
        elif moved("accumulatedVolume") and _is_number(match.get(fields["matchVol"])):
            put("matchVol", min(match[fields["matchVol"]], match[total]))
        if "accumulatedVolumeG1" in match and "accumulatedVolume" not in named:
            match["accumulatedVolumeG1"] = match[total]
        if match[total] != self.total_before:
            if not self.total_before and service == "vci":
                average /= 1_000_000
            put("accumulatedValue", round(average * match[total], 2))

    def _set(self, service, row, name, value):
        for place, group, field in _places(name):
            if place == service:
                (row[group] if group else row)[field] = value
        if service == "kbs" and name in ("bidPrices", "askPrices") and isinstance(value, list):
            _set_kbs_levels(row, "BV" if name == "bidPrices" else "SU", value)


def _places(name):
    """Where a field's name points: (service, group or None, field), at least one."""
    group, dot, field = name.partition(".")
    if dot:
        if group == "kbs":
            return [("kbs", None, field)]
        if group in vci_rows.MODEL:
            return [("vci", group, field)]
        raise PinError(f"unknown group {group!r} in {name!r}; "
                       f"known are {', '.join(vci_rows.MODEL)} and kbs")
    places = [("vci", each, twin) for twin in TWINS.get(name, (name,))
              for each, fields in vci_rows.MODEL.items() if twin in fields]
    if name in kbs_rows.MODEL:
        places.append(("kbs", None, name))
    if name in KBS_COUNTERPARTS:
        places.append(("kbs", None, KBS_COUNTERPARTS[name]))
    if not places:
        raise PinError(f"unknown field {name!r}; write group.{name} (listingInfo, bidAsk, matchPrice, kbs) "
                       "to add a field that the service does not have")
    return places


def _is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _set_kbs_levels(row, letters, levels):
    for number in range(1, 4):
        level = levels[number - 1] if number <= len(levels) else {}
        level = level if isinstance(level, dict) else {}
        price = level.get("price", 0)
        row[f"{letters[0]}{number}"] = price if number > 1 else f"{price}.0"
        row[f"{letters[1]}{number}"] = level.get("volume", 0)


def _recompute_kbs_change(row):
    price, reference = row.get("CP"), row.get("RE")
    if all(isinstance(value, (int, float)) and value for value in (price, reference)):
        row["CH"] = price - reference
        row["CHP"] = (price - reference) / reference * 100


def from_request(request):
    """A Pin from the control request's object."""
    fields = {name: value for name, value in request.items() if name not in RESERVED}
    raw, omit = request.get("raw", {}), request.get("omit", [])
    if not isinstance(raw, dict):
        raise PinError("raw must be an object of field names and texts")
    if not isinstance(omit, list) or not all(isinstance(name, str) for name in omit):
        raise PinError("omit must be an array of field names")
    if not fields and not raw and not omit:
        raise PinError("nothing to set: name a field, raw, omit or clear")
    return Pin(fields, raw, omit)
