{#
    An address as people may see it: without what stands behind `?` or `#`, without a user and password before the host, and with
    `(personal)` for a part of its path that holds an `@`. A page that was saved to a file is `file://`: its path names whose it is.
#}
{% macro url_without_query(url) -%}
    case
        when {{ url }} ~* '^file:' then 'file://'
        else regexp_replace(
            regexp_replace(
                regexp_replace({{ url }}, '[?#].*$', ''), '^([A-Za-z][A-Za-z0-9+.-]*://)[^/]*@', '\1'
            ),
            '[^/]*(@|%(25)*40)[^/]*', '(personal)', 'g'
        )
    end
{%- endmacro %}

{# Path of an address that url_without_query gave, `/` and what follows; null where it has none. #}
{% macro url_path(url) -%}
    substring({{ url }} from '^[A-Za-z][A-Za-z0-9+.-]*://[^/]*(/.*)$')
{%- endmacro %}

{#
    What somebody typed, as people may see it: `(personal)` where it looks like an e-mail address, or like a number of at least seven
    digits, as telephones and accounts have.
#}
{% macro typed_text(text) -%}
    case
        when {{ text }} ~ '[^ @]@[^ @]' or {{ text }} ~ '([0-9٠-٩][[:space:]./()+-]*){6}[0-9٠-٩]' then '(personal)'
        else {{ text }}
    end
{%- endmacro %}
