{#
    A key for a text of any length: 16 bytes of md5. A btree takes texts of up to 2,704 bytes and then fails the model for ever.
#}
{% macro text_key(text) -%}
    md5({{ text }})::uuid
{%- endmacro %}

{# How a grain column without a value shows, so that sums agree across marts. Events cannot say it: see the macro landed. #}
{% macro or_none(text) -%}
    coalesce({{ text }}, '(none)')
{%- endmacro %}

{# A key for what identifies a person (an address, an e-mail): 16 bytes of SHA-256 behind the secret of ops.pseudonym_salt. #}
{% macro salted_key(text) -%}
    substr(encode(sha256(convert_to((select pseudonym_salt.salt from ops.pseudonym_salt) || {{ text }}, 'UTF8')), 'hex'), 1, 32)::uuid
{%- endmacro %}
