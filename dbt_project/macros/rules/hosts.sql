{#
    Host of a URL in one spelling: lower case, Punycode, without user, password, port and trailing dots; `file://` for a page that was
    saved to a file, null where there is none. landing.host_of decides; nearly all URLs are plain and spared the call, which takes 3 µs.
    The pattern is one loop, which costs a fifth of `translate` with as many letters.
#}
{% macro url_host(url) -%}
    case
        when
            starts_with({{ url }}, 'https://') and split_part({{ url }}, '/', 3) ~ '^[a-z0-9.-]*[a-z0-9-]$'
            then split_part({{ url }}, '/', 3)
        else landing.host_of({{ url }})
    end
{%- endmacro %}

{#
    An IP address in one spelling, whichever way it was written: see landing.address_of, which is spared where four numbers are all there is.
    A text that is no address stays, without blanks around; `(none)` is no value, as in every field.
#}
{% macro ip_address(text) -%}
    nullif(
        case
            when
                {{ text }} ~ '^[0-9.]*[0-9]$' and split_part({{ text }}, '.', 4) <> '' and split_part({{ text }}, '.', 5) = ''
                and pg_input_is_valid({{ text }}, 'inet')
                then host({{ text }}::inet)
            else landing.address_of({{ text }})
        end,
        '(none)'
    )
{%- endmacro %}

{# Whether a host is none of a production shop's, by pattern: those of staging and test, and pages saved to a file. #}
{% macro is_not_production(host) -%}
    coalesce(
        {{ host }} = 'file://'
        or {{ host }} ~ '\.local$'
        or {{ host }} ~ '^(www\.)?(stage|test|dev)[0-9]*[.-](www\.)?({{ var("shop_brands") | join("|") }})\.[a-z]+(\.[a-z]{2})?$',
        false
    )
{%- endmacro %}
