{# Rules of the shop's events, each once. Which event types count as views, and the gap between sessions, are vars; others are seeds. #}

{# A crawler's screen: known without its user agent. #}
{% macro is_crawler_resolution(resolution) -%}
    coalesce({{ resolution }} = '2000x2000', false)
{%- endmacro %}

{# Whether a utm field names a campaign: it is false, or text. #}
{% macro is_campaign(text) -%}
    coalesce({{ text }} <> 'false', false)
{%- endmacro %}

{# `true` or `false`, even with a leaked cookie behind it; null for anything else. #}
{% macro leading_flag(text) -%}
    case when {{ text }} like 'true%' then true when {{ text }} like 'false%' then false end
{%- endmacro %}

{# An order's number: `720251727.0` is `720251727`; what is no number stays as it was sent. #}
{% macro order_number(text) -%}
    case when {{ text }} ~ '^[0-9]+\.0+$' then split_part({{ text }}, '.', 1) else {{ text }} end
{%- endmacro %}

{# A text as a JSON array; null where it is none, or no JSON at all. The cases follow one another, so that no cast can fail. #}
{% macro json_array(text) -%}
    case when pg_input_is_valid({{ text }}, 'jsonb') then case when jsonb_typeof({{ text }}::jsonb) = 'array' then {{ text }}::jsonb end end
{%- endmacro %}

{#
    Chosen options in one shape, `[{"label", "value", "value_id", "quality"}, …]`, from an array of objects (options of a product) or
    an object (filters of a listing). What was not chosen is left out; null where nothing was, or where the text is neither.
#}
{% macro chosen_options(text) -%}
    case
        when pg_input_is_valid({{ text }}, 'jsonb') then case jsonb_typeof({{ text }}::jsonb)
            when 'array' then (
                select
                    jsonb_agg(
                        jsonb_strip_nulls(jsonb_build_object(
                            'label', nullif(item.json ->> 'option_label', ''),
                            'value', nullif(item.json ->> 'value_label', ''),
                            'value_id', nullif(item.json ->> 'value_id', ''),
                            'quality', nullif(item.json ->> 'quality', '')
                        )) order by item.place
                    )
                from jsonb_array_elements({{ text }}::jsonb) with ordinality as item (json, place)
                where coalesce(nullif(item.json ->> 'value_label', ''), nullif(item.json ->> 'value_id', '')) is not null
            )
            when 'object' then (
                select jsonb_agg(jsonb_build_object('label', item.label, 'value', item.value) order by item.label)
                from jsonb_each_text({{ text }}::jsonb) as item (label, value)
                where item.value <> ''
            )
        end
    end
{%- endmacro %}

{# Whether a text can be read as options: as an array or an object. #}
{% macro is_json_array_or_object(text) -%}
    case when pg_input_is_valid({{ text }}, 'jsonb') then nullif(jsonb_typeof({{ text }}::jsonb) in ('array', 'object'), false) end
{%- endmacro %}

{# Price of a cart line, from its JSON: a text in the store's notation, or a plain number. #}
{% macro line_price(json) -%}
    case jsonb_typeof({{ json }} -> 'price')
        when 'number' then case when {{ json }} ->> 'price' not like '-%' then {{ as_numeric("(" ~ json ~ " ->> 'price')") }} end
        when 'string' then {{ read_price("btrim(" ~ json ~ " ->> 'price')") }}
    end
{%- endmacro %}

{# True where every line of a cart has a price that can be read; null where one has none. #}
{% macro has_readable_prices(cart) -%}
    (
        select nullif(coalesce(bool_and({{ line_price('line.json') }} is not null), true), false)
        from jsonb_array_elements({{ json_array(cart) }}) as line (json)
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
                from jsonb_array_elements({{ json_array(cart) }}) with ordinality as line (json, place)
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
