{# Rules of the shop's events, each once. Which event types count as views, and the gap between sessions, are vars; others are seeds. #}

{# A crawler's screen: known without its user agent. #}
{% macro is_crawler_resolution(resolution) -%}
    coalesce({{ resolution }} = '2000x2000', false)
{%- endmacro %}

{#
    Whether a utm field names a campaign: it is text. A number, true, false, an object or an array is none, and as the landing writes
    them like texts of that form, such a text is none either.
#}
{% macro is_campaign(text) -%}
    case
        when {{ text }} is null or {{ text }} = 'false' then false
        else not {{ is_json(text) }} or starts_with({{ text }}, '"')
    end
{%- endmacro %}

{# True where a utm field is what it is to be: false, or a campaign. #}
{% macro is_false_or_campaign(text) -%}
    nullif({{ text }} = 'false' or {{ is_campaign(text) }}, false)
{%- endmacro %}

{# The text of a utm field; null where it names no campaign. #}
{% macro campaign_text(text) -%}
    case when {{ is_campaign(text) }} then {{ text }} end
{%- endmacro %}

{# `true` or `false`, even with a leaked cookie behind it; null for anything else. #}
{% macro leading_flag(text) -%}
    case when {{ text }} like 'true%' then true when {{ text }} like 'false%' then false end
{%- endmacro %}

{# An order's number: `720251727.0` is `720251727`; what is no number stays as it was sent. #}
{% macro order_number(text) -%}
    case when {{ text }} ~ '^[0-9]+\.0+$' then split_part({{ text }}, '.', 1) else {{ text }} end
{%- endmacro %}

{#
    A text as a JSON array; null where it is none, or no JSON at all. The cases follow one another, so that no cast can fail.
    Of type json, and so are its elements: their numbers stay the few characters that were sent. The jsonb of `1e131071` is 131,072
    digits as a text, and a cart of some hundred of these is more than Postgres can hold.
#}
{% macro json_array(text) -%}
    case when {{ is_json(text) }} then case when json_typeof({{ text }}::json) = 'array' then {{ text }}::json end end
{%- endmacro %}

{#
    Chosen options in one shape, `[{"label", "value", "value_id", "quality"}, …]`, from an array of objects (options of a product) or
    an object (filters of a listing). What was not chosen is left out; null where nothing was, or where the text is neither.
#}
{% macro chosen_options(text) -%}
    case
        when not {{ nothing_is_chosen(text) }}
            then case {{ json_kind(text) }}
                when 'array' then (
                    select
                        jsonb_agg(
                            jsonb_strip_nulls(jsonb_build_object(
                                'label', nullif(chosen.option_label, ''),
                                'value', nullif(chosen.value_label, ''),
                                'value_id', nullif(chosen.value_id, ''),
                                'quality', nullif(chosen.quality, '')
                            )) order by item.place
                        )
                    from json_array_elements({{ text }}::json) with ordinality as item (json, place)
                    -- each object is parsed once, and not for each of its fields
                    cross join lateral json_to_record(case when json_typeof(item.json) = 'object' then item.json end)
                        as chosen (option_label text, value_label text, value_id text, quality text)
                    where chosen.value_label <> '' or chosen.value_id <> ''
                )
                when 'object' then (
                    select jsonb_agg(jsonb_build_object('label', item.label, 'value', item.value) order by item.label, item.value)
                    from json_each_text({{ text }}::json) as item (label, value)
                    where item.value <> ''
                )
            end
    end
{%- endmacro %}

{#
    Whether options are of the common form in which nothing was chosen, so that their JSON need not be read: nothing is left of an array's
    keys `value_…`, or of an object's keys, when those of an empty text are taken away. A backslash could hide a key.
#}
{% macro nothing_is_chosen(text) -%}
    (
        strpos({{ text }}, '\') = 0
        and strpos(replace(replace({{ text }}, '"value_label":""', ''), '"value_id":""', ''), '"value_') = 0
        and (starts_with({{ text }}, '[') or strpos(replace({{ text }}, '":""', ''), ':') = 0)
    )
{%- endmacro %}

{#
    True where a text can be read as options: as an object, or as an array of nothing but objects. Null where it cannot. Of an array that
    begins with an object, in which each `}` is followed by the next object or the end, nothing else can be an element: it need not be parsed.
#}
{% macro has_readable_options(text) -%}
    case {{ json_kind(text) }}
        when 'object' then true
        when 'array'
            then case
                when starts_with({{ text }}, '[{') and strpos(replace(replace({{ text }}, '},{', ''), '}]', ''), '}') = 0 then true
                else nullif(not jsonb_path_exists({{ text }}::jsonb, 'strict $[*] ? (@.type() != "object")'), false)
            end
    end
{%- endmacro %}

{# The price of a cart line, from its JSON: a text in the store's notation, blanks around it or not, or a plain number. #}
{% macro line_price(line) -%}
    case json_typeof({{ line }} -> 'price')
        when 'number' then {{ as_quantity("(" ~ line ~ " ->> 'price')") }}
        when 'string' then {{ read_price("btrim(" ~ line ~ " ->> 'price')") }}
    end
{%- endmacro %}

{# The amount of a cart line: as its price. A text of more than three zeros behind the point (`2.0000`) is a whole number too. #}
{% macro line_amount(line) -%}
    case json_typeof({{ line }} -> 'amount')
        when 'number' then {{ as_quantity("(" ~ line ~ " ->> 'amount')") }}
        when 'string' then coalesce(
            {{ read_price("btrim(" ~ line ~ " ->> 'amount')") }},
            case when {{ line }} ->> 'amount' ~ '^[ ]*[0-9]{1,18}[.]0000+[ ]*$' then ({{ line }} ->> 'amount')::numeric end
        )
    end
{%- endmacro %}

{# True where every line of a cart has a price, or an amount, that can be read; null where one has none. `read`: line_price or line_amount. #}
{% macro is_readable_in_each_line(cart, read) -%}
    (
        select nullif(coalesce(bool_and({{ read('line.json') }} is not null), true), false)
        from json_array_elements({{ json_array(cart) }}) as line (json)
    )
{%- endmacro %}

{#
    What makes two reports of an order the same one: store, number, and the cart's products, amounts and prices in their order. An order
    without a number is its own.
#}
{% macro order_key(event_key, store_id, order_id, cart) -%}
    case
        when {{ order_id }} is null then {{ event_key }}
        else md5(jsonb_build_array(
            {{ store_id }},
            {{ order_id }},
            (
                select jsonb_agg(jsonb_build_array(line.json ->> 'product_id', line.json ->> 'amount', line.json ->> 'price') order by line.place)
                from json_array_elements({{ json_array(cart) }}) with ordinality as line (json, place)
            )
        )::text)::uuid
    end
{%- endmacro %}

{#
    Kind of the page before. `shop_host`: its host where it is one of the shops'; `known_medium`: what the enricher knows of the host.
#}
{% macro referrer_medium(referrer_key, shop_host, known_medium) -%}
    case
        when {{ referrer_key }} = {{ text_key("''") }} then 'direct'
        when {{ shop_host }} is not null then 'internal'
        else coalesce({{ known_medium }}, 'other')
    end
{%- endmacro %}

{# How a visit came: paid when a campaign brought it, else by the kind of the page before. #}
{% macro channel(is_paid, medium) -%}
    case when {{ is_paid }} then 'paid' else {{ medium }} end
{%- endmacro %}

{# Channels that are no other site's. #}
{% macro is_external(medium) -%}
    {{ medium }} not in ('direct', 'internal')
{%- endmacro %}

{# The currency of an unknown or missing text. #}
{% macro unknown_currency() -%}
    'XXX'
{%- endmacro %}

{# A currency's text as the seed currencies has it. #}
{% macro currency_text_key(text) -%}
    lower(btrim({{ text }}))
{%- endmacro %}

{#
    What a currency's text stands for depends on the shop: its host, a slash, which no host has but `file://`, and the text.
#}
{% macro currency_on_host(host, text) -%}
    {{ or_none("replace(" ~ host ~ ", '/', '')") }} || '/' || {{ or_none(currency_text_key(text)) }}
{%- endmacro %}
