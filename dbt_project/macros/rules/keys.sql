{#
    A key for a text of any length: 16 bytes of md5. A btree takes texts of up to 2,704 bytes and then fails the model for ever.
#}
{% macro text_key(text) -%}
    md5({{ text }})::uuid
{%- endmacro %}

{#
    The key of an event by its contract: `items` as eventKey has them, each an expression of a text or a list of such expressions, and an
    empty list where a record's place is its key. Null where the contract's key is missing.
#}
{% macro event_key_of(items) -%}
    {{ text_key(event_key_text(items)) }}
{%- endmacro %}

{#
    What event_key_of is made of. Each text of several fields stands between its length and a comma, `1:a,2:bc,`, so that ('a', 'bc') is
    not ('ab', 'c'); of a list that has such an item, all do, so that no text of one field passes for two. The same in Python:
    landing_stream/event_key.py.
#}
{% macro event_key_text(items) -%}
    {%- set choices = [] -%}
    {%- set are_led = items | reject('string') | list | length > 0 -%}
    {%- for item in items -%}
        {%- set led = [] -%}
        {%- for part in ([item] if item is string else item) -%}
            {%- set text = "nullif(" ~ part ~ ", '')" -%}
            {%- do led.append("length(" ~ text ~ ") || ':' || " ~ text ~ " || ','" if are_led else text) -%}
        {%- endfor -%}
        {%- do choices.append(led | join(' || ')) -%}
    {%- endfor -%}
    {%- if not items -%}
        'at ' || topic_id || '/' || kafka_partition || '/' || kafka_offset
    {%- elif choices | length == 1 -%}
        {{ choices[0] }}
    {%- else -%}
        coalesce({{ choices | join(', ') }})
    {%- endif -%}
{%- endmacro %}

{# How a grain column without a value shows, so that sums agree across marts. Events cannot say it: see the macro landed. #}
{% macro or_none(text) -%}
    coalesce({{ text }}, '(none)')
{%- endmacro %}

{# A key for what identifies a person (an address, an e-mail): 16 bytes of SHA-256 behind the secret of ops.pseudonym_salt. #}
{% macro salted_key(text) -%}
    substr(encode(sha256(convert_to((select pseudonym_salt.salt from ops.pseudonym_salt) || {{ text }}, 'UTF8')), 'hex'), 1, 32)::uuid
{%- endmacro %}
